"""What losses are made of: bounds, discrepancies, similarities and schedules."""
