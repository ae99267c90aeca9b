#!/bin/sh
# Starts the router of the team.
export OPENAI_API_KEY="$(cat /run/secrets/openai)"
python -m routellm.openai_server \
    --routers mf bert \
    --strong-model gpt-4.1 \
    --weak-model ollama_chat/llama3.2 \
    --config routers.yaml --port 7070 --verbose
