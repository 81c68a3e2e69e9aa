"""The rim: the only folder that imports Ray and Optuna."""
