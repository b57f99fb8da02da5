// The judge's default prompt. It names what is to be compared and asks for numbers only; correctness is not its business.
#include "study/judge.h"

const char *judge_default_prompt(void) {
    return "Below are a mathematical problem and a set of responses to it, all independent attempts. Judge how diverse the set "
           "is as a\n"
           "whole. Do not judge whether the responses are correct, how well they are written or how long they are.\n"
           "\n"
           "PROBLEM\n"
           "{problem}\n"
           "\n"
           "RESPONSES\n"
           "{responses}\n"
           "\n"
           "Give three scores, each a number from 0 (all responses are the same in this respect) to 10 (hardly any two are "
           "alike):\n"
           "- logic: how different the strategies and chains of reasoning are: the ideas used and the order of the steps.\n"
           "- formula: how different the equations and expressions are that the responses write down.\n"
           "- semantic: how different the responses are in what they say and how they present it, apart from wording that "
           "changes nothing.\n"
           "\n"
           "Answer with one JSON object and nothing else:\n"
           "{\"logic\": NUMBER, \"formula\": NUMBER, \"semantic\": NUMBER}\n";
}
