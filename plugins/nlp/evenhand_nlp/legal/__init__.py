"""Clauses of contracts that are potentially unfair, sentence by sentence or in whole documents."""
