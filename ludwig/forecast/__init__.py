"""Forecasts: the rows that follow a table, and how good such forecasts have been."""

from ludwig.forecast.backtesting import Backtest, backtest
from ludwig.forecast.forecasting import forecast

__all__ = ["Backtest", "backtest", "forecast"]
