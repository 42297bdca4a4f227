"""gatewise: from raw rows to an LSTM-family model that is trained honestly, proved and saved."""
