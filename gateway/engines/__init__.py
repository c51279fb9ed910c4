"""What gives deliveries and jobs a process: `embedded` asks the database, with nothing else beside it."""
