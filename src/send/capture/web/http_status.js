// Returns the HTTP status that the document came with; 0 if there is none.
() => performance.getEntriesByType("navigation")[0]?.responseStatus || 0
