"""The models behind the agents: from the settings to a client that survives what services do, and the scripted one of the demo."""
