"""What is said to a provider and how its answers are read, as its catalogue entry has it. No database, no Flask."""
