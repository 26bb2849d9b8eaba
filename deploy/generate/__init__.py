"""Files generated from the code: the contract, tables in Markdown, the dashboard's types."""
