"""What administrators and operators do: one function for each act, whoever asks for it.

The command line, the pages and the REST API call these; none of them decides anything itself.
"""
