"""One load test over one or many processes: a coordinator and its workers, talking over links."""
