"""MCP: tools by which a model looks into a memory, over HTTP and stdio."""
