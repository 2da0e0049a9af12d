"""support-reply: answers a customer's message with the nearest accepted reply of the past, or abstains."""
