"""The one broker: sides of rows -> trades, fills at known prices, an account that is exact."""

from gatewise.broker.account import Account as Account
from gatewise.broker.market import Market as Market
from gatewise.broker.simulate import simulate as simulate
from gatewise.broker.trades import Trades as Trades
