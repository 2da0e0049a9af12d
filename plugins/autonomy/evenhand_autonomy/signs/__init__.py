"""The recipe autonomy/traffic-sign: its data, slices, three settings of adapting, and its part of the report."""
