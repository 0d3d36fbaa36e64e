"""The three who talk, and the model behind them."""
