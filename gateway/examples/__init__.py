"""Examples of every operation of the API: one file a family, and how they enter the document."""
