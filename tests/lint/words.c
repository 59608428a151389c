/* Prints `PAGE<tab>WORD` for every word of an interface that a man page must explain: for words.sh.
 */
#include <stdio.h>

#include "common/evwire.h"
#include "common/outcome.h"
#include "common/shmtab.h"

static void print(const char *page, const char *word)
{
    if (word[0] != '\0')
        printf("%s\t%s\n", page, word);
}

int main(void)
{
    for (int i = 0; i < OUTCOME_COUNT; i++)
        print("weir.8", outcome_info(i)->word);
    for (int i = 0; i < CAUSE_COUNT; i++) {
        print("weir-table.7", cooldown_cause_word(i));
        print("weir-table.7", cooldown_cause_reason(i));
    }
    for (int i = PAIR_AVAILABLE; i <= PAIR_RECOVERING; i++) {
        print("weir-table.7", pair_status_word(i));
        print("weirctl.8", pair_status_word(i));
    }
    for (int i = EVCH_FAILURE; i <= EVCH_QUOTA; i++)
        print("weirctl.8", ev_change_word(i));
    for (int i = EVST_DONE; i < EVST_REFUSED; i++)
        print("weir-table.7", ev_status_text(i));
    for (int i = SHMTAB_ABSENT; i <= SHMTAB_DAMAGED; i++)
        print("weirctl.8", shmtab_error_text(i));
    return 0;
}
