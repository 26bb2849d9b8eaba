"""What is written from the code itself: the contract, the README's tables, the page's types."""
