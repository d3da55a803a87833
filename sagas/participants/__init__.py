"""The apps' services as steps: the only place that knows both an app and the engine."""
