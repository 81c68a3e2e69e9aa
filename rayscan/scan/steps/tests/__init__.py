"""Tests of classifiers on pools."""
