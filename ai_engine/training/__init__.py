"""Training: recipes as data, one loop that runs them.

Only `ai_engine.commands.train` and what it imports load TensorFlow; the serving path imports
nothing from here.
"""
