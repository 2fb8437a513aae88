"""What a model is asked and how its answer is read: prompts, verdict stream, guardrails, playbook, cost."""
