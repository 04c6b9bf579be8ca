"""What a release gives away: metrics, bounds, the report that says so."""
