// Running a tree of the template language. See jinja.h.
#include "text/jinja.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 5000000, MOST_OUTPUT = 64 << 20, DEEPEST_CALL = 40, MOST_RANGE = 100000 };

// The names of one scope; a scope sees those around it. The bodies of loops and macros have their own, those of conditions have
// not.
typedef struct frame {
    jinja_map *names;
    struct frame *around;
} frame;

typedef struct run {
    jinja_pool *pool;
    const jinja_map *variables;
    frame *root;
    size_t steps;
    int calls;
    enum { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE } flow;
} run;

static status evaluate(run *r, frame *f, const jinja_node *node, jinja_value *out);
static status execute(run *r, frame *f, const jinja_node *node, buffer *out);

static status no_memory(void) { return status_set(STATUS_LIMIT, "a chat template takes too much memory"); }

static status step(run *r, const jinja_node *node) {
    if (++r->steps <= MOST_STEPS) return STATUS_OK;
    return status_set(STATUS_LIMIT, "line %d: a chat template that takes too many steps", node->line);
}

static status undefined(const jinja_value *v) {
    return status_set(STATUS_INVALID, "\"%.*s\" is undefined", (int)(v->text.length < 60 ? v->text.length : 60),
                      v->text.bytes ? v->text.bytes : "");
}

static jinja_value look_up(const run *r, const frame *f, text_span name) {
    static const char *const functions[] = {"raise_exception", "namespace", "range", "dict"};
    for (; f; f = f->around) {
        const jinja_value *found = jinja_find(f->names, name);
        if (found) return *found;
    }
    const jinja_value *found = jinja_find(r->variables, name);
    if (found) return *found;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (jinja_is(name, functions[i])) return (jinja_value){.kind = JINJA_FUNCTION, .text = name};
    return (jinja_value){.kind = JINJA_UNDEFINED, .text = name};
}

// of.name: a method, else a member, else undefined. Undefined itself has no members.
static status get_attribute(run *r, const jinja_value *of, text_span name, jinja_value *out) {
    if (of->kind == JINJA_UNDEFINED) return undefined(of);
    const jinja_value *found = of->kind == JINJA_MAP || of->kind == JINJA_NAMESPACE ? jinja_find(of->map, name) : NULL;
    if (jinja_has_method(of, name)) {
        jinja_value *self = jinja_take(r->pool, sizeof *self);
        if (!self) return no_memory();
        *self = *of;
        *out = (jinja_value){.kind = JINJA_METHOD, .text = name, .self = self};
    } else {
        *out = found ? *found : (jinja_value){.kind = JINJA_UNDEFINED, .text = name};
    }
    return STATUS_OK;
}

static status get_item(run *r, const jinja_value *of, const jinja_value *key, jinja_value *out) {
    *out = (jinja_value){.kind = JINJA_UNDEFINED, .text = key->kind == JINJA_TEXT ? key->text : (text_span){"an item", 7}};
    if (of->kind == JINJA_UNDEFINED) return undefined(of);
    if (key->kind == JINJA_TEXT && (of->kind == JINJA_MAP || of->kind == JINJA_NAMESPACE)) {
        const jinja_value *found = jinja_find(of->map, key->text);
        if (found) *out = *found;
        return STATUS_OK;
    }
    if (key->kind != JINJA_INT || (of->kind != JINJA_LIST && of->kind != JINJA_TEXT)) return STATUS_OK;
    jinja_list items;
    TRY(jinja_items(r->pool, of, &items));
    int64_t at = key->number < 0 ? key->number + (int64_t)items.count : key->number;
    if (at >= 0 && (size_t)at < items.count) *out = items.items[at];
    return STATUS_OK;
}

static status evaluate_slice(run *r, frame *f, const jinja_node *node, jinja_value *out) {
    const jinja_node *parts[] = {node->b, node->c, node->d};
    int64_t numbers[3] = {0};
    const int64_t *given[3] = {0};
    jinja_value of;
    TRY(evaluate(r, f, node->a, &of));
    if (of.kind == JINJA_UNDEFINED) return undefined(&of);
    for (int i = 0; i < 3; i++) {
        jinja_value v = {.kind = JINJA_NONE};
        if (parts[i]) TRY(evaluate(r, f, parts[i], &v));
        if (v.kind == JINJA_NONE) continue;
        if (v.kind != JINJA_INT) return status_set(STATUS_INVALID, "line %d: a slice at %s", node->line, jinja_kind_name(&v));
        numbers[i] = v.number < -(INT64_MAX / 4) ? -(INT64_MAX / 4) : v.number > INT64_MAX / 4 ? INT64_MAX / 4 : v.number;
        given[i] = &numbers[i];
    }
    return jinja_slice(r->pool, &of, given[0], given[1], given[2] ? numbers[2] : 1, out);
}

// Operators --------------------------------------------------------------------------------------------------------------------

static status join_texts(run *r, const jinja_value *a, const jinja_value *b, jinja_value *out) {
    buffer text = {0};
    status code = jinja_write(a, &text);
    if (code == STATUS_OK) code = jinja_write(b, &text);
    char *copy = code == STATUS_OK ? jinja_take(r->pool, text.length + 1) : NULL;
    if (copy && text.length) memcpy(copy, text.data, text.length);
    *out = jinja_text(copy, text.length);
    buffer_free(&text);
    return code != STATUS_OK ? code : copy ? STATUS_OK : no_memory();
}

static status join_lists(run *r, const jinja_list *a, const jinja_list *b, jinja_value *out) {
    TRY(jinja_new_list(r->pool, a->count + b->count, out));
    if (a->count) memcpy(out->list->items, a->items, a->count * sizeof *a->items);
    if (b->count) memcpy(out->list->items + a->count, b->items, b->count * sizeof *b->items);
    return STATUS_OK;
}

static status evaluate_binary(run *r, frame *f, const jinja_node *node, jinja_value *out) {
    jinja_value a, b;
    text_span op = node->text;
    TRY(evaluate(r, f, node->a, &a));
    TRY(evaluate(r, f, node->b, &b));
    if (jinja_is(op, "~")) return join_texts(r, &a, &b, out);
    if (jinja_is(op, "==") || jinja_is(op, "!=")) {
        *out = jinja_bool(jinja_equal(&a, &b) == jinja_is(op, "=="));
        return STATUS_OK;
    }
    if (jinja_is(op, "in")) {
        bool found;
        TRY(jinja_contains(&b, &a, &found));
        *out = jinja_bool(found);
        return STATUS_OK;
    }
    if (a.kind == JINJA_UNDEFINED) return status_context(undefined(&a), "line %d", node->line);
    if (b.kind == JINJA_UNDEFINED) return status_context(undefined(&b), "line %d", node->line);
    if (op.bytes[0] == '<' || op.bytes[0] == '>') {
        int order;
        TRY(jinja_compare(&a, &b, &order));
        *out = jinja_bool((order == 0 && op.length == 2) || (op.bytes[0] == '<' ? order < 0 : order > 0));
        return STATUS_OK;
    }
    if (jinja_is_number(&a) && jinja_is_number(&b))
        return status_context(jinja_calculate(op, &a, &b, out), "line %d", node->line);
    if (jinja_is(op, "+") && a.kind == JINJA_TEXT && b.kind == JINJA_TEXT) return join_texts(r, &a, &b, out);
    if (jinja_is(op, "+") && a.kind == JINJA_LIST && b.kind == JINJA_LIST) return join_lists(r, a.list, b.list, out);
    bool unsupported = a.kind == JINJA_TEXT && (jinja_is(op, "%") || jinja_is(op, "*"));
    return status_set(unsupported ? STATUS_UNSUPPORTED : STATUS_INVALID, "line %d: \"%.*s\" between %s and %s", node->line,
                      (int)op.length, op.bytes, jinja_kind_name(&a), jinja_kind_name(&b));
}

// Calls ------------------------------------------------------------------------------------------------------------------------

static status evaluate_arguments(run *r, frame *f, const jinja_node *node, jinja_arguments *out) {
    jinja_value list;
    TRY(jinja_new_list(r->pool, node->count, &list));
    for (size_t i = 0; i < node->count; i++) TRY(evaluate(r, f, node->children[i], &list.list->items[i]));
    *out = (jinja_arguments){list.list->items, node->names, node->count};
    return STATUS_OK;
}

static status call_range(run *r, const jinja_arguments *given, jinja_value *out) {
    int64_t ends[3] = {0, 0, 1};
    for (size_t i = 0; i < given->count; i++)
        if (given->values[i].kind != JINJA_INT || given->names[i].bytes || i > 2 || llabs(given->values[i].number) > MOST_RANGE)
            return status_set(STATUS_UNSUPPORTED, "this form of range is not supported");
    if (!given->count) return status_set(STATUS_INVALID, "range without an end");
    if (given->count == 1) ends[1] = given->values[0].number;
    for (size_t i = 0; given->count > 1 && i < given->count; i++) ends[i] = given->values[i].number;
    if (!ends[2]) return status_set(STATUS_INVALID, "range with a step of 0");
    size_t count = 0;
    for (int64_t i = ends[0]; ends[2] < 0 ? i > ends[1] : i < ends[1]; i += ends[2]) count++;
    TRY(jinja_new_list(r->pool, count, out));
    for (size_t i = 0; i < count; i++) out->list->items[i] = jinja_int(ends[0] + (int64_t)i * ends[2]);
    return STATUS_OK;
}

static status call_function(run *r, text_span name, const jinja_arguments *given, jinja_value *out) {
    if (jinja_is(name, "raise_exception")) {
        text_span words = given->count && given->values[0].kind == JINJA_TEXT ? given->values[0].text : (text_span){"", 0};
        return status_set(STATUS_INVALID, "the chat template refuses these messages: %.*s",
                          (int)(words.length < 500 ? words.length : 500), words.bytes);
    }
    if (jinja_is(name, "range")) return call_range(r, given, out);
    *out = (jinja_value){.kind = jinja_is(name, "namespace") ? JINJA_NAMESPACE : JINJA_MAP, .map = jinja_new_map(r->pool)};
    if (!out->map) return no_memory();
    for (size_t i = 0; i < given->count; i++) {
        const jinja_value *from = &given->values[i];
        if (given->names[i].bytes) {
            TRY(jinja_put(r->pool, out->map, given->names[i], *from));
            continue;
        }
        if (from->kind != JINJA_MAP)
            return status_set(STATUS_UNSUPPORTED, "%.*s of %s is not supported", (int)name.length, name.bytes,
                              jinja_kind_name(from));
        for (size_t k = 0; k < from->map->count; k++)
            TRY(jinja_put(r->pool, out->map, from->map->entries[k].key, from->map->entries[k].value));
    }
    return STATUS_OK;
}

static status call_macro(run *r, const jinja_node *macro, const jinja_arguments *given, jinja_value *out) {
    frame inside = {jinja_new_map(r->pool), r->root};
    if (!inside.names) return no_memory();
    if (++r->calls > DEEPEST_CALL) return status_set(STATUS_LIMIT, "line %d: macros call each other too deeply", macro->line);
    size_t positional = 0;
    for (size_t i = 0; i < given->count; i++) {
        text_span name = given->names[i];
        if (!name.bytes && positional < macro->name_count) name = macro->names[positional++];
        bool known = false;
        for (size_t k = 0; name.bytes && k < macro->name_count; k++)
            known =
                known || (name.length == macro->names[k].length && memcmp(name.bytes, macro->names[k].bytes, name.length) == 0);
        if (!known) return status_set(STATUS_INVALID, "line %d: a macro is given an argument that it does not have", macro->line);
        TRY(jinja_put(r->pool, inside.names, name, given->values[i]));
    }
    for (size_t k = 0; k < macro->name_count; k++) {
        if (jinja_find(inside.names, macro->names[k])) continue;
        jinja_value fallback = {.kind = JINJA_UNDEFINED, .text = macro->names[k]};
        if (macro->children[k]) TRY(evaluate(r, &inside, macro->children[k], &fallback));
        TRY(jinja_put(r->pool, inside.names, macro->names[k], fallback));
    }
    buffer text = {0};
    status code = execute(r, &inside, macro->body, &text);
    char *copy = code == STATUS_OK ? jinja_take(r->pool, text.length + 1) : NULL;
    if (copy && text.length) memcpy(copy, text.data, text.length);
    *out = jinja_text(copy, text.length);
    buffer_free(&text);
    r->calls--;
    return code != STATUS_OK ? code : copy ? STATUS_OK : no_memory();
}

static status evaluate_call(run *r, frame *f, const jinja_node *node, jinja_value *out) {
    jinja_value callee;
    jinja_arguments given;
    TRY(evaluate(r, f, node->a, &callee));
    TRY(evaluate_arguments(r, f, node, &given));
    bool known = true;
    switch (callee.kind) {
    case JINJA_FUNCTION:
        return call_function(r, callee.text, &given, out);
    case JINJA_MACRO:
        return call_macro(r, callee.macro, &given, out);
    case JINJA_METHOD:
        TRY(jinja_method(r->pool, callee.text, callee.self, &given, &known, out));
        break;
    case JINJA_UNDEFINED:
        known = false;
        break;
    default:
        return status_set(STATUS_INVALID, "line %d: %s cannot be called", node->line, jinja_kind_name(&callee));
    }
    if (known) return STATUS_OK;
    return status_set(STATUS_UNSUPPORTED, "line %d: the function \"%.*s\" is not supported", node->line,
                      (int)(callee.text.length < 60 ? callee.text.length : 60), callee.text.bytes ? callee.text.bytes : "");
}

static status evaluate_filter_or_test(run *r, frame *f, const jinja_node *node, jinja_value *out) {
    jinja_value operand;
    jinja_arguments given;
    bool known = true, truth = false;
    TRY(evaluate(r, f, node->a, &operand));
    TRY(evaluate_arguments(r, f, node, &given));
    if (node->kind == NODE_TEST) {
        TRY(jinja_test(node->text, &operand, &given, &known, &truth));
        *out = jinja_bool(truth);
    } else {
        TRY(status_context(jinja_filter(r->pool, node->text, &operand, &given, &known, out), "line %d", node->line));
    }
    if (known) return STATUS_OK;
    return status_set(STATUS_UNSUPPORTED, "line %d: the %s \"%.*s\" is not supported", node->line,
                      node->kind == NODE_TEST ? "test" : "filter", (int)(node->text.length < 60 ? node->text.length : 60),
                      node->text.bytes);
}

static status evaluate_dict(run *r, frame *f, const jinja_node *node, jinja_value *out) {
    *out = (jinja_value){.kind = JINJA_MAP, .map = jinja_new_map(r->pool)};
    if (!out->map) return no_memory();
    for (size_t i = 0; i + 1 < node->count; i += 2) {
        jinja_value key, value;
        TRY(evaluate(r, f, node->children[i], &key));
        TRY(evaluate(r, f, node->children[i + 1], &value));
        if (key.kind != JINJA_TEXT)
            return status_set(STATUS_UNSUPPORTED, "line %d: a map with a key that is no text", node->line);
        TRY(jinja_put(r->pool, out->map, key.text, value));
    }
    return STATUS_OK;
}

static status evaluate(run *r, frame *f, const jinja_node *node, jinja_value *out) {
    jinja_value a, b;
    TRY(step(r, node));
    switch (node->kind) {
    case NODE_LITERAL:
        *out = node->literal;
        return STATUS_OK;
    case NODE_NAME:
        *out = look_up(r, f, node->text);
        return STATUS_OK;
    case NODE_ATTRIBUTE:
        TRY(evaluate(r, f, node->a, &a));
        return status_context(get_attribute(r, &a, node->text, out), "line %d", node->line);
    case NODE_ITEM:
        TRY(evaluate(r, f, node->a, &a));
        TRY(evaluate(r, f, node->b, &b));
        return status_context(get_item(r, &a, &b, out), "line %d", node->line);
    case NODE_SLICE:
        return evaluate_slice(r, f, node, out);
    case NODE_CALL:
        return evaluate_call(r, f, node, out);
    case NODE_FILTER:
    case NODE_TEST:
        return evaluate_filter_or_test(r, f, node, out);
    case NODE_BINARY:
        return evaluate_binary(r, f, node, out);
    case NODE_DICT:
        return evaluate_dict(r, f, node, out);
    case NODE_NOT:
        TRY(evaluate(r, f, node->a, &a));
        *out = jinja_bool(!jinja_is_true(&a));
        return STATUS_OK;
    case NODE_NEGATIVE: {
        jinja_value zero = jinja_int(0);
        TRY(evaluate(r, f, node->a, &a));
        if (!jinja_is_number(&a)) return status_set(STATUS_INVALID, "line %d: minus %s", node->line, jinja_kind_name(&a));
        return status_context(jinja_calculate((text_span){"-", 1}, &zero, &a, out), "line %d", node->line);
    }
    case NODE_AND:
    case NODE_OR:
        TRY(evaluate(r, f, node->a, out));
        return jinja_is_true(out) == (node->kind == NODE_AND) ? evaluate(r, f, node->b, out) : STATUS_OK;
    case NODE_CONDITION:
        TRY(evaluate(r, f, node->a, &a));
        if (jinja_is_true(&a)) return evaluate(r, f, node->b, out);
        *out = (jinja_value){.kind = JINJA_UNDEFINED, .text = {"a condition without else", 24}};
        return node->c ? evaluate(r, f, node->c, out) : STATUS_OK;
    case NODE_LIST:
        TRY(jinja_new_list(r->pool, node->count, out));
        for (size_t i = 0; i < node->count; i++) TRY(evaluate(r, f, node->children[i], &out->list->items[i]));
        return STATUS_OK;
    default:
        return status_set(STATUS_FAILED, "line %d: a statement where an expression belongs", node->line);
    }
}

// Statements -------------------------------------------------------------------------------------------------------------------

static status bind(run *r, frame *f, const jinja_node *node, const jinja_value *value) {
    if (node->name_count == 1) return jinja_put(r->pool, f->names, node->names[0], *value);
    jinja_list items;
    TRY(jinja_items(r->pool, value, &items));
    if (items.count != node->name_count)
        return status_set(STATUS_INVALID, "line %d: %zu values for %zu names", node->line, items.count, node->name_count);
    for (size_t i = 0; i < items.count; i++) TRY(jinja_put(r->pool, f->names, node->names[i], items.items[i]));
    return STATUS_OK;
}

// The object `loop` of one turn.
static status describe_turn(run *r, frame *f, const jinja_list *items, size_t turn) {
    jinja_value loop = {.kind = JINJA_NAMESPACE, .map = jinja_new_map(r->pool)},
                none = {.kind = JINJA_UNDEFINED, .text = {"a neighbouring item", 19}};
    if (!loop.map) return no_memory();
    int64_t at = (int64_t)turn, count = (int64_t)items->count;
    const struct {
        const char *name;
        jinja_value value;
    } members[] = {{"index", jinja_int(at + 1)},
                   {"index0", jinja_int(at)},
                   {"revindex", jinja_int(count - at)},
                   {"revindex0", jinja_int(count - at - 1)},
                   {"first", jinja_bool(at == 0)},
                   {"last", jinja_bool(at + 1 == count)},
                   {"length", jinja_int(count)},
                   {"previtem", at > 0 ? items->items[turn - 1] : none},
                   {"nextitem", at + 1 < count ? items->items[turn + 1] : none}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        TRY(jinja_put(r->pool, loop.map, (text_span){members[i].name, strlen(members[i].name)}, members[i].value));
    return jinja_put(r->pool, f->names, (text_span){"loop", 4}, loop);
}

static status execute_for(run *r, frame *f, const jinja_node *node, buffer *out) {
    jinja_value over;
    jinja_list items;
    TRY(evaluate(r, f, node->a, &over));
    TRY(status_context(jinja_items(r->pool, &over, &items), "line %d", node->line));
    if (node->b) { // the condition is asked before the loop, so that loop.last and the like count what is left
        jinja_value kept;
        TRY(jinja_new_list(r->pool, items.count, &kept));
        size_t count = 0;
        for (size_t i = 0; i < items.count; i++) {
            frame inside = {jinja_new_map(r->pool), f};
            jinja_value passes;
            if (!inside.names) return no_memory();
            TRY(bind(r, &inside, node, &items.items[i]));
            TRY(evaluate(r, &inside, node->b, &passes));
            if (jinja_is_true(&passes)) kept.list->items[count++] = items.items[i];
        }
        kept.list->count = count;
        items = *kept.list;
    }
    for (size_t i = 0; i < items.count; i++) {
        frame inside = {jinja_new_map(r->pool), f};
        if (!inside.names) return no_memory();
        TRY(step(r, node));
        TRY(describe_turn(r, &inside, &items, i));
        TRY(bind(r, &inside, node, &items.items[i]));
        TRY(execute(r, &inside, node->body, out));
        bool leave = r->flow == FLOW_BREAK;
        r->flow = FLOW_ON;
        if (leave) break;
    }
    return items.count ? STATUS_OK : execute(r, f, node->otherwise, out);
}

static status execute_set(run *r, frame *f, const jinja_node *node) {
    jinja_value value;
    if (node->a) {
        TRY(evaluate(r, f, node->a, &value));
    } else {
        buffer text = {0};
        frame inside = {jinja_new_map(r->pool), f};
        status code = inside.names ? execute(r, &inside, node->body, &text) : no_memory();
        char *copy = code == STATUS_OK ? jinja_take(r->pool, text.length + 1) : NULL;
        if (copy && text.length) memcpy(copy, text.data, text.length);
        value = jinja_text(copy, text.length);
        buffer_free(&text);
        TRY(code);
        if (!copy) return no_memory();
    }
    if (!node->text.bytes) return bind(r, f, node, &value);
    jinja_value of = look_up(r, f, node->names[0]);
    if (of.kind != JINJA_NAMESPACE)
        return status_set(STATUS_INVALID, "line %d: an attribute of %s is set", node->line, jinja_kind_name(&of));
    return jinja_put(r->pool, of.map, node->text, value);
}

static status execute(run *r, frame *f, const jinja_node *node, buffer *out) {
    for (; node && r->flow == FLOW_ON; node = node->next) {
        jinja_value value;
        TRY(step(r, node));
        if (out->length > MOST_OUTPUT)
            return status_set(STATUS_LIMIT, "line %d: a chat template that writes more than %d bytes", node->line, MOST_OUTPUT);
        switch (node->kind) {
        case NODE_DATA:
            TRY(buffer_append(out, node->text.bytes, node->text.length));
            break;
        case NODE_OUTPUT:
            TRY(evaluate(r, f, node->a, &value));
            TRY(status_context(jinja_write(&value, out), "line %d", node->line));
            break;
        case NODE_IF:
            TRY(evaluate(r, f, node->a, &value));
            TRY(execute(r, f, jinja_is_true(&value) ? node->body : node->otherwise, out));
            break;
        case NODE_FOR:
            TRY(execute_for(r, f, node, out));
            break;
        case NODE_SET:
            TRY(execute_set(r, f, node));
            break;
        case NODE_MACRO:
            TRY(jinja_put(r->pool, f->names, node->text, (jinja_value){.kind = JINJA_MACRO, .text = node->text, .macro = node}));
            break;
        case NODE_BLOCK:
            TRY(execute(r, f, node->body, out));
            break;
        case NODE_BREAK:
            r->flow = FLOW_BREAK;
            break;
        case NODE_CONTINUE:
            r->flow = FLOW_CONTINUE;
            break;
        default:
            return status_set(STATUS_FAILED, "line %d: an expression where a statement belongs", node->line);
        }
    }
    return STATUS_OK;
}

status jinja_run(const jinja_node *root, jinja_pool *pool, const jinja_map *variables, buffer *out) {
    frame f = {jinja_new_map(pool), NULL};
    if (!f.names) return no_memory();
    run r = {.pool = pool, .variables = variables, .root = &f};
    return execute(&r, &f, root, out);
}
