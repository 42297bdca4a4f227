"""Columns' names in other languages, as exports of brokers and vendors have them, and their English spelling."""

from __future__ import annotations

_LANGUAGES = (
    # Korean
    {"date": "일자 날짜 일시", "time": "시간", "open": "시가", "high": "고가", "low": "저가", "close": "종가"}
    | {"volume": "거래량", "symbol": "종목코드", "name": "종목명"},
    # Chinese, with simplified and with traditional signs
    {"date": "日期 交易日期", "time": "时间", "open": "开盘 开盘价", "high": "最高 最高价", "low": "最低 最低价"}
    | {"close": "收盘 收盘价", "volume": "成交量", "symbol": "代码 股票代码 证券代码", "name": "名称"},
    {"time": "時間", "open": "開盤 開盤價", "high": "最高價", "low": "最低價", "close": "收盤 收盤價"}
    | {"symbol": "證券代號 證券代碼 股票代號 股票代碼 代號"},
    # Japanese
    {
        "date": "日付",
        "time": "時刻",
        "open": "始値",
        "high": "高値",
        "low": "安値",
        "close": "終値",
        "volume": "出来高",
        "stock_code": "コード 証券コード 銘柄コード",
    },
    # German, French, Spanish, Italian, Portuguese, Polish, Russian
    {"date": "datum", "time": "zeit uhrzeit", "open": "eröffnung eröffn", "high": "hoch", "low": "tief"}
    | {"close": "schluss schlusskurs zuletzt", "volume": "volumen"},
    {"time": "heure", "open": "ouverture ouv", "high": "plus_haut", "low": "plus_bas", "close": "clôture dernier"},
    {"date": "fecha", "time": "hora", "open": "apertura", "high": "máximo", "low": "mínimo", "close": "cierre último"},
    {"time": "ora", "high": "massimo", "low": "minimo", "close": "chiusura ultimo"},
    {"open": "abertura", "high": "máxima", "low": "mínima", "close": "fechamento"}
    | {"symbol": "código_de_negociação codigo_de_negociacao codneg"},
    {"time": "godzina czas"},
    {"open": "otwarcie", "high": "najwyższy najwyzszy", "low": "najniższy najnizszy", "close": "zamknięcie zamkniecie"}
    | {"volume": "wolumen"},
    # Indonesian
    {"symbol": "emiten kode_emiten kode_saham", "code": "kode"},
    {"date": "дата", "time": "время", "open": "открытие откр", "high": "максимум макс", "low": "минимум мин"}
    | {"close": "закрытие цена", "volume": "объём объем"},
)
ENGLISH = {word: spelling for words in _LANGUAGES for spelling, said in words.items() for word in said.split()}
