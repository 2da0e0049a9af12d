"""Texts with few labels: contrast between look-alike classes, unlabelled messages, and a choice by cross-validation."""
