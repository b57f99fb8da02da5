// The page of the report up to its data, as the build has put it together (REPORT_PAGE_FILE, by scripts/make_report_page.py).
#include "study/report_parts.h"

__asm__(".section .rodata\n"
        ".global report_page\n"
        ".global report_page_end\n"
        "report_page:\n"
        ".incbin \"" REPORT_PAGE_FILE "\"\n"
        "report_page_end:\n"
        ".byte 0\n"
        ".text\n");
