// Scores four responses to one problem as training with DSDR does: verdict, diversity, reward, advantage, coupling.
//
//   cc score_group.c $(pkg-config --cflags --libs dsdr) -o score_group
//   ./score_group models/all-MiniLM-L6-v2
#include <dsdr.h>
#include <stdio.h>

int main(int argc, char **argv) {
    const char *responses[] = {"$3 + 4 = 7$, so \\boxed{7}", "Count on from 3: 4, 5, 6, 7. \\boxed{7}", "\\boxed{12}",
                               "It is seven."};
    char encoder[4096];
    snprintf(encoder, sizeof encoder, "algorithm.dsdr.encoder=%s", argc > 1 ? argv[1] : "models/all-MiniLM-L6-v2");
    const char *settings[] = {encoder, "algorithm.dsdr.lambda_d=0.1"};
    dsdr_scorer *scorer;
    dsdr_scored scored[4];
    if (dsdr_scorer_open(&scorer, settings, 2, NULL) || dsdr_scorer_score(scorer, "7", responses, NULL, 4, scored, NULL)) {
        fprintf(stderr, "score_group: %s\n", dsdr_message());
        return 1;
    }
    for (int i = 0; i < 4; i++)
        printf("%-9s  diversity %.3f  reward %.3f  advantage %6.3f  coupling %.3f\n", dsdr_verdict_name(scored[i].verdict.status),
               scored[i].diversity.dbar, scored[i].credit.reward, scored[i].credit.advantage, scored[i].credit.coupling);
    dsdr_scored_clear(scored, 4);
    dsdr_scorer_close(scorer);
    return 0;
}
