"""The commands as Python functions: the command line parses, calls one of these, and prints.

Every function takes models as the command line does (a path, `embedded:NAME`, `ollama:NAME[:TAG]`,
`lmstudio:PUBLISHER/MODEL[/FILE]`, `hf:OWNER/REPO[:FILE or type]`, nothing for the embedded model)
and the words of the command's options; the defaults stand here, and the command line reads them.
What a function needs is imported when it is called.
"""
