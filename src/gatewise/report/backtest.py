"""What a backtest looks like: capital, falls and exposure in time, its figures, each symbol's own, its trades."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.subplots import make_subplots

from gatewise.broker import Account
from gatewise.evaluation.base import Floats, Interval
from gatewise.evaluation.interval_words import bounds_text
from gatewise.evaluation.trading import Backtest
from gatewise.report.data import thinned
from gatewise.report.figure_style import ACCENT, BASELINE, MODEL, QUIET, date_text, styled
from gatewise.report.html import Cell, Line, Pictures, bullets, columns, render_page, section, table, titled

MOST_TRADES = 200  # of a page
SYMBOL_FIGURES = (
    "Return after cost", "Return before cost", "Sharpe ratio after cost", "Fee at which nothing is left", "Trades",
)  # fmt: skip


def account_figure(account: Account) -> go.Figure:
    """Capital after and before cost beside staying long; below, how far it lies under its peak, and the exposure."""
    kept = thinned(len(account.time_us))
    times = date_text(account.time_us[kept])
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, row_heights=[0.6, 0.2, 0.2], vertical_spacing=0.05)

    def curve(row: int, values: Floats, name: str, colour: str, **look: object) -> None:
        line = {"color": colour, "width": 2 if row == 1 else 1}
        figure.add_trace(go.Scatter(x=times, y=values[kept], name=name, mode="lines", line=line, **look), row, 1)

    curve(1, account.equity_held, "staying long", BASELINE)
    curve(1, account.equity_gross, "before cost", ACCENT)
    curve(1, account.equity, "after cost", MODEL)
    curve(2, -account.drawdown, "below the peak", MODEL, fill="tozeroy", showlegend=False)
    curve(3, account.exposure, "exposure", QUIET, fill="tozeroy", showlegend=False)
    figure.add_hline(y=account.start, line={"color": QUIET, "width": 1, "dash": "dot"}, row=1, col=1)
    units = account.in_price_units
    figure.update_yaxes(title="price units, start = 0" if units else "capital, start = 1", row=1, col=1)
    figure.update_yaxes(title="drawdown", nticks=4, tickformat="" if units else ".1%", row=2, col=1)
    figure.update_yaxes(title="exposure", nticks=4, tickformat="" if units else ".0%", row=3, col=1)
    return styled(figure)


def named_figures(backtest: Backtest) -> dict[str, str]:
    """The figures by their names, as people read them; terminal and page show the same."""
    account = backtest.account
    trades, terms, cost = account.trades, account.terms, account.break_even_cost
    return {
        "Return after cost": amount(account, float(account.net.sum()), "+"),
        "Return before cost": amount(account, float(account.gross.sum()), "+"),
        "Return of staying long": amount(account, float(account.held.sum()), "+"),
        "Sharpe ratio after cost": _ratio(backtest.sharpe),
        "Sharpe ratio before cost": _ratio(backtest.sharpe_gross),
        "Largest drawdown": amount(account, float(account.drawdown.max())),
        "Fee, one way": _cost(account, terms.fee),
        **({"Slippage, one way": _cost(account, terms.slippage)} if terms.slippage else {}),
        "Fee at which nothing is left": "–" if cost is None else _cost(account, cost),
        "Trades": f"{len(trades):,}",
        "Trades that made money": "–" if trades.hit_rate is None else f"{trades.hit_rate:.1%}",
        "Mean holding": "–" if trades.mean_holding is None else f"{trades.mean_holding:.3g} rows",
        "Turnover a step": f"{account.traded.mean():.3g}",
        "Exposure": f"{account.exposure.mean():.3g}" if account.in_price_units else f"{account.exposure.mean():.1%}",
        "Steps a year, as seen": f"{account.steps_per_year:,.0f}",
    }


def account_words(backtest: Backtest) -> str:
    """What trading makes, in a sentence."""
    figures = named_figures(backtest)
    ratio = "" if backtest.sharpe is None else f", Sharpe ratio {figures['Sharpe ratio after cost']}"
    left = figures["Fee at which nothing is left"]
    fee = f"; nothing is left at a fee of {left}" if backtest.account.break_even_cost is not None else ""
    before, after = (figures[f"Return {when} cost"] for when in ("before", "after"))
    return f"Traded it makes {before} before cost and {after} after{ratio}{fee}."


def terms_words(backtest: Backtest) -> str:
    """How it was traded, in a sentence or two."""
    account = backtest.account
    terms = account.terms
    fill = "the next row's open" if terms.fill == "open" else "the close of the row that decides"
    sides = "long or flat" if terms.sides == "long" else "long, short or flat"
    rows = "1 row" if terms.hold == 1 else f"{terms.hold:,} rows"
    unit = "unit of the instrument" if account.in_price_units else "of its symbol's capital"
    words = f"{sides.capitalize()}; filled at {fill}, held {rows}, {terms.size:.3g} {unit} a trade."
    return f"{words} No Sharpe ratio: {backtest.reason}." if backtest.reason else words


def account_pieces(backtest: Backtest, pictures: Pictures, ruled: bool = False) -> Iterator[str]:
    """The picture, the figures, and each symbol's.

    Args:
        ruled: sides are those of a decision rule, and not the naive ones.
    """
    sides = "Sides are the decision rule's. " if ruled else ""
    yield pictures.add(
        account_figure(backtest.account),
        "What trading it makes",
        f"{sides}{terms_words(backtest)} A trade has a fixed value: profits add up. No funding; orders move no price.",
        wide=True,
        height=520,
    )
    yield columns(named_figures(backtest))
    if backtest.symbols:
        yield symbol_lines(backtest.symbols)


def symbol_lines(symbols: Mapping[str, Backtest]) -> Markup:
    """Each symbol as an account of its own, a line each."""
    lines = []
    for name, backtest in symbols.items():
        figures = named_figures(backtest)
        lines.append(Line(name, [Cell(figures[column]) for column in SYMBOL_FIGURES]))
    return table("Trading, symbol by symbol", "Each symbol as an account of its own.", SYMBOL_FIGURES, lines)


def trade_table(account: Account, symbol: Sequence[str]) -> Markup:
    """The newest trades, the latest first.

    Args:
        symbol: of each trade.
    """
    trades = account.trades
    newest = np.argsort(trades.exit_us, kind="stable")[::-1][:MOST_TRADES].tolist()
    times = (date_text(us).tolist() for us in (trades.entry_us, trades.exit_us))
    entered, left = ([text.replace("T", " ") for text in texts] for texts in times)
    lines = []
    for n in newest:
        prices = f"{trades.entry_price[n]:,.6g} → {trades.exit_price[n]:,.6g}"
        cells = [
            f"{left[n]}{' (rows end)' * bool(trades.ended[n])}",
            symbol[n],
            "long" if trades.side[n] > 0 else "short",
            prices,
            *(_of_trade(account, n, float(money[n])) for money in (trades.gross, trades.net)),
        ]
        lines.append(Line(entered[n], [Cell(text) for text in cells]))
    many = (
        f"The newest {len(newest):,} of {len(trades):,}." if len(newest) < len(trades) else f"{len(trades):,} trades."
    )
    unit = "" if account.in_price_units else " in shares of its value"
    caption = f"{many} A line begins with the time of the row that filled it; what it made{unit}."
    return table("Trades", caption, ("out", "symbol", "side", "price", "before cost", "after cost"), lines)


def backtest_page(title: str, backtest: Backtest, symbol: Sequence[str], notes: Sequence[str]) -> str:
    """A page of its own.

    Args:
        symbol: of each trade.
        notes: sentences to read with it.
    """
    pictures = Pictures()
    body = [
        titled("backtest", title),
        section("The account", account_pieces(backtest, pictures)),
        section("The newest trades", [trade_table(backtest.account, symbol)]),
        section("Read this with the numbers", [bullets(notes)]),
    ]
    return render_page(title, body, pictures)


def amount(account: Account, value: float, sign: str = "") -> str:
    """A return or a fall in its unit."""
    return f"{value:{sign},.4g} price units" if account.in_price_units else f"{value:{sign}.1%}"


def _of_trade(account: Account, number: int, money: float) -> str:
    """What a trade made, by what it was worth when it began."""
    if account.in_price_units:
        return f"{money + 0.0:+.4g} price units"
    return f"{money / abs(account.trades.units[number] * account.trades.entry_price[number]) + 0.0:+.2%}"


def _cost(account: Account, value: float) -> str:
    return f"{value:.4g} price units" if account.in_price_units else f"{value:.4%}"


def _ratio(sharpe: Interval | None) -> str:
    return "–" if sharpe is None else f"{sharpe.value:.2f} {bounds_text(sharpe, 2)}".rstrip()
