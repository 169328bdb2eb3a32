"""Incoming calls of a number: lists, rules in order, targets [NUM-20…28, RTE-01…62]."""
