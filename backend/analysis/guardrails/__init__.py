"""What keeps a fooled model harmless: safe prompts in, checked answers out."""
