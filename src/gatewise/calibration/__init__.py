"""What validation rows set right in a trained model's predictions."""
