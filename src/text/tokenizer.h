// Tokenizers: text to token ids and back, id for id as Hugging Face `tokenizers` computes them.
//
// Two models are known: byte-level (and character-level) byte-pair encoding, the tokenizer of language models, and WordPiece,
// the tokenizer of the sentence encoder. A tokenizer comes from a Hugging Face folder, from the text of a tokenizer.json, or
// from the arrays of a GGUF file. What a tokenizer.json asks for and is not implemented stops the load by name
// (STATUS_UNSUPPORTED); nothing is guessed. The stored "truncation" and "padding" of a tokenizer.json are not applied: a caller
// who wants a limit says so to tokenizer_encode_limited.
//
// A loaded tokenizer never changes: any number of threads may encode and decode with it at once.
#ifndef DSDR_TEXT_TOKENIZER_H
#define DSDR_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/status.h"

typedef struct tokenizer tokenizer;

// A growable list of token ids. Start from {0}.
typedef struct token_list {
    int32_t *ids;
    size_t count, capacity;
} token_list;

// On failure (STATUS_NO_MEMORY) the list is unchanged.
status token_list_append(token_list *list, int32_t id);
status token_list_reserve(token_list *list, size_t capacity);
void token_list_free(token_list *list);

// Some bytes of somebody else's, not NUL-terminated.
typedef struct text_span {
    const char *bytes;
    size_t length;
} text_span;

// The token types of GGUF.
typedef enum token_type {
    TOKEN_NORMAL = 1,
    TOKEN_UNKNOWN = 2,
    TOKEN_CONTROL = 3,      // special: skipped by tokenizer_decode when asked
    TOKEN_USER_DEFINED = 4, // found in the text before the pre-tokenizer, but not special
    TOKEN_UNUSED = 5,
    TOKEN_BYTE = 6,
} token_type;

// A byte-level BPE tokenizer as GGUF stores it. Everything is copied; ids of -1 mean none.
typedef struct tokenizer_bpe_source {
    const char *name;          // for messages, usually the path of the file
    const char *pre_tokenizer; // tokenizer.ggml.pre: "smollm", "gpt-2", "default", "llama-bpe", "llama3", "qwen2"
    const text_span *tokens;   // [token_count] in the byte-to-unicode form of GPT-2
    const int32_t *types;      // [token_count] token_type; NULL: all normal
    size_t token_count;
    const text_span *merges; // [merge_count] "left right", best first
    size_t merge_count;
    int32_t bos, eos, pad, unk; // -1: none
    bool add_bos, add_eos;      // put around the text when `add` is asked of tokenizer_encode
    const char *chat_template;  // Jinja text; NULL: none
} tokenizer_bpe_source;

// Each of these makes *out, to be freed with tokenizer_free; on failure *out is NULL.
//
// tokenizer_load: a folder with tokenizer.json or, for BERT, vocab.txt; beside it tokenizer_config.json, special_tokens_map.json,
//   generation_config.json and chat_template.jinja are read where present.
// tokenizer_create_json: the text of a tokenizer.json alone (`name` is for messages).
// tokenizer_create_bpe: GGUF arrays; a pre-tokenizer that is not known is refused by name.
// tokenizer_create_bytes: from nothing. Tokens are the 256 bytes, three control tokens (padding, and ChatML's two marks, of which
//   <|im_end|> ends responses) and the given words: texts of two bytes and more that are one token wherever they occur, the first
//   and then the longest winning. No BOS; the chat template is ChatML.
status tokenizer_load(tokenizer **out, const char *folder);
status tokenizer_create_json(tokenizer **out, const char *json, size_t length, const char *name);
status tokenizer_create_bpe(tokenizer **out, const tokenizer_bpe_source *source);
status tokenizer_create_bytes(tokenizer **out, const char *const *words, size_t count);
void tokenizer_free(tokenizer *t);

// Appends the tokens of `length` bytes of UTF-8. Bytes that are not valid UTF-8 count as U+FFFD; NUL is a character.
//   special  special tokens written out in the text ("<|im_end|>") become that token; otherwise they are ordinary text
//   add      what the post-processor puts around a text (BOS, EOS, [CLS], [SEP]) is added
// On failure *out holds what it held.
status tokenizer_encode(const tokenizer *t, const char *text, size_t length, bool special, bool add, token_list *out);

// As tokenizer_encode, but never appends more than `limit` tokens: the text's own tokens are cut at the end so that the added
// ones fit, and *cut (may be NULL) says whether any were lost. A limit below the number of added tokens is STATUS_INVALID.
status tokenizer_encode_limited(const tokenizer *t, const char *text, size_t length, bool special, bool add, size_t limit,
                                token_list *out, bool *cut);

// Appends the text of the tokens, bytes exactly: a character cut in half by the end of the list stays cut. (Hugging Face shows
// such bytes as U+FFFD.) skip_special leaves special tokens out. An id outside the vocabulary is STATUS_INVALID and *out is
// unchanged.
status tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t count, bool skip_special, buffer *out);

// The raw bytes of one token, owned by the tokenizer, and their number; NULL for an id that is no token. For byte-level models
// the bytes of a text are those of its tokens in order; a WordPiece token is given as written in the vocabulary, "##" included.
const char *tokenizer_token_bytes(const tokenizer *t, int32_t id, size_t *length);

// The id of a token written as in the vocabulary (byte-to-unicode form) or as an added token; -1 if there is none.
int32_t tokenizer_token_id(const tokenizer *t, const char *token, size_t length);

size_t tokenizer_vocabulary_size(const tokenizer *t); // the largest id + 1
bool tokenizer_is_special(const tokenizer *t, int32_t id);

// -1 where the tokenizer names none.
int32_t tokenizer_bos(const tokenizer *t);
int32_t tokenizer_eos(const tokenizer *t);
int32_t tokenizer_pad(const tokenizer *t);

// All tokens that end a response: the ids of "eos_token_id" in generation_config.json, then eos if not among them.
const int32_t *tokenizer_stop_tokens(const tokenizer *t, size_t *count);

// The Jinja text of the chat template (see chat.h); NULL if there is none.
const char *tokenizer_chat_template(const tokenizer *t);

// The texts of BOS and EOS as chat templates see them; "" where there is none.
const char *tokenizer_bos_text(const tokenizer *t);
const char *tokenizer_eos_text(const tokenizer *t);

// Writes into an existing folder the files from which transformers' AutoTokenizer makes an equal tokenizer. A tokenizer that came
// from a folder is written as the same files, byte for byte; one from GGUF arrays as tokenizer.json, tokenizer_config.json
// (with the chat template) and special_tokens_map.json. The bytes depend on the tokenizer alone.
status tokenizer_save(const tokenizer *t, const char *folder);

#endif
