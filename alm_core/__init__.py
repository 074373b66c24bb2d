"""Pure core: model, maths, strategy, execution logic. No clock, no network, no environment, no dagster."""
