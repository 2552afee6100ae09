"""Reports: each reads the model of a finished run and nothing else of the tool."""
