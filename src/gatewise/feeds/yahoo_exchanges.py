"""Yahoo's codes of exchanges, and the calendar that keeps the sessions of each.

Futures are left out, as their hours differ by product, and so are exchanges whose calendar is not kept or, like that of
Tel Aviv (XTAE), can't be made by version 4.13 of the package.
"""

from __future__ import annotations

_CALENDARS = {
    "XNYS": "ASE BTS CBO CXI DJI NAE NAS NCM NGM NIM NMS NYQ NYS OEM OQB OQX PCX PNK SNP YHD",
    "24/7": "CCC",
    "XAMS": "AMS",
    "XASX": "ASX CXA",
    "XBRU": "BRU",
    "XBUE": "BUE",
    "XBUD": "BUD",
    "XCSE": "CPH",
    "XDUB": "ISE",
    "XETR": "GER",
    "XFRA": "FRA",
    "XHEL": "HEL",
    "XHKG": "HKG HKS",
    "XIDX": "JKT",
    "XIST": "IST",
    "XJSE": "JNB",
    "XKLS": "KLS",
    "XKRX": "KOE KSC",
    "XLIS": "LIS",
    "XLON": "FGI IOB LSE",
    "XMAD": "MAD MCE",
    "XMEX": "MEX",
    "XMIL": "MIL",
    "XNZE": "NZE",
    "XOSL": "OSL",
    "XPAR": "ENX PAR",
    "XPRA": "PRA",
    "XSES": "SES",
    "XSGO": "SGO",
    "XSHG": "SHH SHZ",
    "XSTO": "STO",
    "XSWX": "EBS",
    "XTAI": "TAI TWO",
    "XTKS": "JPX OSA",
    "XTSE": "TOR",
    "XWAR": "WSE",
    "XWBO": "VIE",
    "BVMF": "SAO",
    "XBOM": "BSE NSI",
    "XBKK": "SET",
}
_OF_EXCHANGE = {code: calendar for calendar, codes in _CALENDARS.items() for code in codes.split()}


def calendar_of(exchange: str, kind: str) -> str | None:
    """The calendar of a Yahoo exchange code, such as XNYS for NMS; `None` for futures, currencies and unknown ones."""
    return None if kind in ("FUTURE", "CURRENCY") else _OF_EXCHANGE.get(exchange)
