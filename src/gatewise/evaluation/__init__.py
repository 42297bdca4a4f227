"""Judging: metrics with intervals, baselines on the same rows, an indicative backtest, the verdict, the report."""
