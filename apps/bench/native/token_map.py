# A peer in Python for the cell about token maps: the published description of how a tokenizer's ids are compressed, with the
# normalizers of Hugging Face `tokenizers`. Each id decoded alone; text that holds U+FFFD goes by the vocabulary's string, else
# by the normalized text, or by the text itself where that is empty; numbered by first occurrence.
#   token_map.py TOKENIZER_JSON OUT     writes the map: little-endian u32, one a token id
import sys
from array import array

from tokenizers import Regex, Tokenizer, normalizers

SENTINEL = "\ue000"
NORMALIZER = normalizers.Sequence(
    [
        normalizers.NFKC(),
        normalizers.NFD(),
        normalizers.StripAccents(),
        normalizers.Lowercase(),
        normalizers.Replace(Regex(r"[ \t\r\n]+"), " "),
        normalizers.Replace(Regex(r"^ $"), SENTINEL),
        normalizers.Strip(),
        normalizers.Replace(SENTINEL, " "),
    ]
)

tokenizer = Tokenizer.from_file(sys.argv[1])
ids, keys = array("I"), {}
for token in range(tokenizer.get_vocab_size(with_added_tokens=True)):
    text = tokenizer.decode([token], skip_special_tokens=False)
    key = tokenizer.id_to_token(token) if "\ufffd" in text else NORMALIZER.normalize_str(text) or text
    ids.append(keys.setdefault(key, len(keys)))
with open(sys.argv[2], "wb") as file:
    (ids if sys.byteorder == "little" else (ids.byteswap(), ids)[1]).tofile(file)
