"""Fraud among card transactions: a raw stream in order of time, features, an alert budget, who bears false alarms."""
