"""autonomy/lane-following: from a front camera's picture to steering, and the policy at the wheel of the simulator."""
