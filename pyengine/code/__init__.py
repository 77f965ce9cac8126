"""Whether a model still writes code that works: tasks, sandbox, generation, evaluation."""
