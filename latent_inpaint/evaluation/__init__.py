"""Methods side by side: what a method is, the runner, its rows and tables."""
