"""The embedded LLM: SmolLM2-135M on llama.cpp in a child process, so that there is a weak model on any machine."""
