"""Pictures of forecast volatility: beside what came in time, against it, and by the hour of the day."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from gatewise.report.data import Predicted
from gatewise.report.figure_style import BASELINE, INK, MODEL, date_text, styled

_HOUR_US = 3_600_000_000
_LEAST_HOURS = 3  # that rows of at least so many hours lie in, for a picture by hours


def volatility_in_time(rows: Predicted) -> go.Figure:
    """Forecast and realised volatility at the moment that the latter is known, on a log scale."""
    known_us = rows.known_us[:, 0]
    order = np.argsort(known_us, kind="stable")
    mode = "lines" if len(np.unique(known_us)) == len(known_us) else "markers"
    times, figure = date_text(known_us[order]), go.Figure()
    for name, log_volatility, colour, width in (
        ("realised", rows.y, BASELINE, 1),
        ("predicted", rows.value, MODEL, 1.5),
    ):
        figure.add_trace(
            go.Scatter(
                x=times, y=np.exp(log_volatility[order, 0]), name=name, mode=mode,
                line={"color": colour, "width": width}, marker={"color": colour, "size": 3},
            )
        )  # fmt: skip
    _log_axis(figure.update_yaxes, "volatility")
    return styled(figure)


def forecast_against_outcome(rows: Predicted) -> go.Figure:
    """Realised over forecast volatility, both on log scales of one length."""
    realised, forecast = np.exp(rows.y[:, 0]), np.exp(rows.value[:, 0])
    ends = np.array([min(realised.min(), forecast.min()), max(realised.max(), forecast.max())])
    figure = go.Figure()
    dots = {"color": MODEL, "size": 4, "opacity": 0.35}
    figure.add_trace(go.Scatter(x=forecast, y=realised, mode="markers", name="rows", marker=dots))
    figure.add_trace(go.Scatter(x=ends, y=ends, mode="lines", name="perfect", line={"color": INK, "dash": "dash"}))
    _log_axis(figure.update_xaxes, "volatility, predicted")
    _log_axis(figure.update_yaxes, "volatility, realised")
    return styled(figure)


def by_hour(rows: Predicted) -> go.Figure | None:
    """Typical (geometric mean) volatility by the hour, UTC, at which it is predicted; `None` of rows that are days."""
    hour = rows.time_us // _HOUR_US % 24
    hours = np.unique(hour)
    if len(hours) < _LEAST_HOURS:
        return None
    figure = go.Figure()
    for name, log_volatility, colour in (("realised", rows.y, INK), ("predicted", rows.value, MODEL)):
        typical = [float(np.exp(log_volatility[hour == one, 0].mean())) for one in hours]
        figure.add_trace(
            go.Scatter(x=hours, y=np.array(typical), name=name, mode="lines+markers", line={"color": colour})
        )
    figure.update_xaxes(title="hour of the day, UTC", dtick=3)
    figure.update_yaxes(title="volatility", rangemode="tozero", tickformat=".2~e")
    return styled(figure)


def _log_axis(update: object, title: str) -> None:
    assert callable(update)
    update(type="log", title=title, dtick="D2", exponentformat="e")
