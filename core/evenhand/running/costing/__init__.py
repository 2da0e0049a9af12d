"""What a stage costs, and what folders have cost: seconds, processor, memory, energy with a range, CO2 where asked."""
