"""From ROOT files to pools of events."""
