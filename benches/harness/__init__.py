"""What the scripts in `benches/` share: processes, servers, clients, and the machine's facts."""
